using Crdt.Server.GraphQL.Scalars;
using Crdt.Server.Hosting;
using GraphQL;
using GraphQL.Execution;
using GraphQL.SystemTextJson;
using GraphQL.Types;
using GraphQL.Validation;
using GraphQLParser.AST;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Crdt.Server.GraphQL;

/// <summary>Registers the schema and how it is run.</summary>
internal static class SchemaRegistration
{
    // The standard question about the schema itself is deeper and wider than any about data.
    private const int IntrospectionDepthMax = 16;

    public static IServiceCollection AddCrdtSchema(this IServiceCollection services) => services
        .AddSingleton<UuidScalar>().AddSingleton<DateTimeScalar>().AddSingleton<JsonScalar>()
        .AddGraphQL(builder => builder
            .AddAutoSchema<Query>(s => s.WithMutation<MutationRoot>().WithSubscription<Subscription>())
            .ConfigureSchema(Configure)
            .AddSystemTextJson(o => o.Converters.Add(new ValueJsonConverter()))
            .AddErrorInfoProvider<ErrorInfoProvider>()
            .AddUnhandledExceptionHandler(OnUnhandled)
            .AddComplexityAnalyzer((options, provider) =>
            {
                GraphQLLimits limits = provider.GetRequiredService<IOptions<CrdtServerOptions>>().Value.Limits;
                // Lists without 'first' are those within one row: sides of a conflict, changes of a mutation.
                options.DefaultListImpactMultiplier = 5;
                options.ValidateComplexityDelegate = context =>
                {
                    bool isAboutSchema = context.ValidationContext.Operation.SelectionSet.Selections
                        .All(s => s is GraphQLField field && field.Name.StringValue.StartsWith("__", StringComparison.Ordinal));
                    if (context.MaxDepth > (isAboutSchema ? IntrospectionDepthMax : limits.DepthMax)
                        || (!isAboutSchema && context.TotalImpact > limits.ComplexityMax))
                    {
                        context.Error = new ValidationError(
                            $"The request is {context.MaxDepth} levels deep and asks for up to {context.TotalImpact:0} fields; {limits.DepthMax} and {limits.ComplexityMax} are allowed.")
                        {
                            Code = ApiError.NameOf(ApiErrorCode.TooComplex),
                        };
                    }
                    return Task.CompletedTask;
                };
            }));

    private static void Configure(ISchema schema)
    {
        ((Schema)schema).NameConverter = new Naming();
        schema.RegisterTypeMapping(typeof(Guid), typeof(UuidScalar));
        schema.RegisterTypeMapping(typeof(DateTimeOffset), typeof(DateTimeScalar));
        schema.RegisterTypeMapping(typeof(Value), typeof(JsonScalar));
    }

    private static Task OnUnhandled(UnhandledExceptionContext context)
    {
        context.ErrorMessage = "This server has a defect, and could not answer that part. Its log tells more.";
        return Task.CompletedTask;
    }
}

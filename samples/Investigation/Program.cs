using Investigation;

// Without arguments: the whole story, in a directory that is removed behind it. --data DIR keeps the files, to be looked at with the crdt command.
if (args is not ([] or ["--data", _]))
{
    Console.Error.WriteLine("Usage: Investigation [--data DIR]     DIR must not hold the files of an earlier run");
    return 2;
}
string data = args is ["--data", var kept] ? Path.GetFullPath(kept) : Directory.CreateTempSubdirectory("investigation-").FullName;
try
{
    await new Story(data, Console.Out).RunAsync();
    return 0;
}
catch (InvestigationException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
finally
{
    if (args.Length == 0) Directory.Delete(data, recursive: true);
}

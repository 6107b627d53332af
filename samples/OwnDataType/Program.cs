using Crdt;
using Crdt.Testing;
using OwnDataType;

// 1. In use: two devices, apart, then together.
await using Team team = await Team.CreateAsync(new TeamOptions { Devices = 2, DataTypes = [MaxRegister.Instance] });
EntityKey gauge = new("river", "gauge", "Rhine at Basel");
await team[0].CommitAsync(tx => tx.Create(gauge).Set("unit", "cm").Write(MaxRegister.Instance, "highest", 512));
await team.MeetAsync(0, 1);
await team[0].CommitAsync(tx => tx.Update(gauge).Write(MaxRegister.Instance, "highest", 640));
await team[1].CommitAsync(tx => tx.Update(gauge).Write(MaxRegister.Instance, "highest", 571));
await team.MeetAsync(0, 1);
Console.WriteLine("In use");
foreach (Replica replica in team.Replicas) Console.WriteLine($"  {replica.Get(gauge)!.ToJson()}");
Console.WriteLine($"  conflicts: {team[0].Conflicts(openOnly: false).Count()}");

// 2. The laws hold.
int broken = Tell(new MaxRegisterLaws());

// 3. And find what is wrong, with the least history that shows it.
bool isFound = Tell(new ForgetfulMaximumLaws()) > 0;
isFound &= Tell(new LastArrivalLaws()) > 0;
return broken == 0 && isFound ? 0 : 1;

static int Tell(DataTypeLaws suite)
{
    Console.WriteLine();
    Console.WriteLine($"Laws of the {suite.Type.Name}");
    int violations = 0;
    foreach (LawResult result in LawSuite.Run(suite))
    {
        Console.WriteLine($"  {(result.Violation is null ? "holds " : "BROKEN")}  {result.Law}");
        if (result.Violation is null) continue;
        violations++;
        Console.WriteLine($"          {result.Violation.Message.ReplaceLineEndings("\n          ")}");
    }
    return violations;
}

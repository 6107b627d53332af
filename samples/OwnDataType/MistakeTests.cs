using System.Text.RegularExpressions;
using Crdt.Testing;
using Xunit;

namespace OwnDataType;

/// <summary>That the laws find what is wrong, and tell it by the least history that shows it.</summary>
public class MistakeTests
{
    [Fact]
    public void What_a_write_drops_is_found_by_its_meaning()
    {
        // Other laws may notice it, too, by the cases that they happen to run.
        LawResult broken = Assert.Single(LawSuite.Run(new ForgetfulMaximumLaws()), r => r.Law == "It reads as its meaning says");
        // Two writes, of which the second has seen the first: nothing less shows it.
        string told = broken.Violation?.Message ?? "";
        Assert.True(Regex.IsMatch(told, @"\n([ABC]) writes [12]; (\1|\1 -> ([ABC]); \3) writes [01]\n"), told);
    }

    [Fact]
    public void What_is_read_in_order_of_arrival_is_found_by_the_laws_of_convergence()
    {
        IEnumerable<string> broken = LawSuite.Run(new LastArrivalLaws()).Where(r => r.Violation is not null).Select(r => r.Law);
        Assert.Contains("Every order of arrival is read alike", broken);
        Assert.Contains("A read is a function of the siblings that are held", broken);
    }
}

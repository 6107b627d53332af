global using Crdt.Integration;
global using Xunit;

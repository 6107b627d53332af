global using Crdt.Testing;
global using Xunit;

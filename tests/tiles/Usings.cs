global using Crdt.Integration;
global using Crdt.Tiles.MbTiles;
global using Crdt.Tiles.PmTiles;
global using Xunit;

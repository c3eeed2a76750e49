"""Everything that Mitra is held to, in the shape of the tree it tests."""

"""Keys: what programs open the door with. A key acts as a user, within its own scopes."""

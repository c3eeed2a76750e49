"""The history of the kit's own tables, the same in every service's database."""

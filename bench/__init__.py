"""The benches: each row beside its raw baseline in the same run, held against the bars of the design."""

"""Results: what a campaign did, against those who were left alone."""

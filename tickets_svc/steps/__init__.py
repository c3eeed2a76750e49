"""Steps: the verbs of many tickets in one request, as another help desk replays them."""

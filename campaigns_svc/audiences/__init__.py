"""Audiences: who a campaign is for, by filters over what is known of contacts."""

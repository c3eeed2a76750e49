"""Churn: how likely each customer is to buy nothing within a horizon, and why."""

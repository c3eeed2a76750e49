"""Consent purposes: what people are asked to agree to, and in which words."""

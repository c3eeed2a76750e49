"""Assignment: rules that say whose a lead or an opportunity is, and why."""

"""Two lawful-intercept tiers on one message relay. Each package is a link to the folder that holds it."""

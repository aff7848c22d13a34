"""The attacker as a library: captures, search, rules, closure, matrix. It knows no system, this one least of all."""

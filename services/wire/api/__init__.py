"""What parties say to each other, one module for each party that is asked. Structs only; JSON by msgspec."""

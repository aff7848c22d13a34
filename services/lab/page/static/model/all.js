// What the model offers, in one place.
export * from "./names.js";
export * from "./reduce.js";

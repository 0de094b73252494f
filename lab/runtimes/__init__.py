"""One trained network in every runtime that can deploy it: checked for equal answers, then measured."""

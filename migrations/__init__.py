"""The way of the schema, revision by revision; it travels in the wheel, so any installation can migrate."""

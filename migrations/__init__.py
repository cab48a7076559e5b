"""The revisions of the schema. They are part of the wheel, so every installation can migrate."""

//! Objects, without and with a table.

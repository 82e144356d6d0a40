"""Methods held against one another: data x crowds x models x methods x seeds, from a plan file."""

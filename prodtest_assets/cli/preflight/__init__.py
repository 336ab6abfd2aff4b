"""`prodtest preflight`: the safety checklist as a program."""

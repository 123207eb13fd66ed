{{sh region}} {{sh logGroup}}

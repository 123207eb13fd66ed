{{sh hours}}

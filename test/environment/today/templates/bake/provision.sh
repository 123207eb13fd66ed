{{sh os}} {{sh packages}} {{sh modules}} {{sh tools}} {{sh nodeFiles}} {{sh logTailLines}}

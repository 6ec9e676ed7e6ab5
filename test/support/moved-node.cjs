// Loaded by `node --require`: children are started with the Node at NODE_AT, which the test may take away.
process.execPath = process.env.NODE_AT;

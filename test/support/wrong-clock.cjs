// Loaded by `node --require`: a machine whose clock is CLOCK_OFF_MS ahead.
const now = Date.now.bind(Date);
Date.now = () => now() + Number(process.env.CLOCK_OFF_MS);

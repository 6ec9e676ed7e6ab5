import chromium from '@sparticuz/chromium';

// Unpacks the browser into TMPDIR and prints where it is.
process.stdout.write(await chromium.executablePath());

console.log('about to crash');
console.error('no such thing as a good start');
process.exit(7);

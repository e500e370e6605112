// The package prints a notice about the runtime while it loads. Only its own notices are held back, only meanwhile;
// everything it would say later is settled by configuration.
const { warn } = console;
console.warn = (...args: unknown[]) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the notice is coloured on a terminal
  if (!/^(\x1b\[[\d;]*m)?oidc-provider (NOTICE|WARNING):/.test(String(args[0]))) warn.apply(console, args);
};
const { Provider } = await import('oidc-provider');
console.warn = warn;

export { Provider };

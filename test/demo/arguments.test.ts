import { describe, expect, it } from 'vitest';
import { HELP, readArguments, UsageError } from '../../examples/demo/arguments.js';

describe('the command line of the demo', () => {
  it('plays the person by default and takes a real browser for a given server', () => {
    expect(readArguments([])).toMatchObject({ browser: false, yes: false, server: undefined, call: undefined });
    expect(readArguments(['--browser']).browser).toBe(true);
    expect(readArguments(['--server', 'https://mcp.example.com/mcp']).browser).toBe(true);
  });

  it('reads a tool call', () => {
    const args = ['--server', 'https://mcp.example.com/mcp', '--call', 'echo', '--args', '{"text":"hi"}'];
    expect(readArguments(args).call).toEqual({ tool: 'echo', args: { text: 'hi' } });
    expect(readArguments(args.slice(0, 4)).call).toEqual({ tool: 'echo', args: {} });
  });

  it.each([
    [['--nonsense'], 'nonsense'],
    [['--call', 'echo'], '--call needs --server'],
    [['--args', '{}'], '--args needs --call'],
    [['--server', 'mcp.example.com'], '--server needs the URL'],
    [['--server', 'file:///etc/passwd'], '--server needs the URL'],
    [['--server', 'https://a.example', '--call', 'echo', '--args', '[1]'], '--args needs a JSON object'],
    [['--server', 'https://a.example', '--call', 'echo', '--args', '{'], '--args needs a JSON object'],
  ])('refuses %j and says why', (args, message) => {
    expect(() => readArguments(args)).toThrow(UsageError);
    expect(() => readArguments(args)).toThrow(message);
  });

  it('explains every option', () => {
    for (const option of ['--browser', '--yes', '--server', '--call', '--args', '--help', 'NO_COLOR']) {
      expect(HELP).toContain(option);
    }
  });
});

package bootstrap_test

import "testing"

// once is a single event whose result is to be the given JSON.
func once(result string) []step { return []step{{event: `{"n":1}`, result: result}} }

// failing is two events that fail the same way: the first must not cost the process.
func failing(errorType string) []step {
	return []step{{event: `{}`, fails: errorType}, {event: `{}`, fails: errorType}}
}

func TestNodeModules(t *testing.T) {
	runScripts(t, "nodejs20.x", map[string]script{
		"nested path": {
			reason: "the module ends at the first dot of the last segment", handler: "src/a/b.handler",
			files: map[string]string{"src/a/b.js": `exports.handler = async (e) => e.n`}, steps: once(`1`),
		},
		"nested export": {
			reason: "dots behind the module walk into objects", handler: "mod.sub.fn",
			files: map[string]string{"mod.js": `exports.sub = { fn: async () => 'deep' }`}, steps: once(`"deep"`),
		},
		"ES module by name": {
			reason: "mjs files are ES modules", handler: "m.handler",
			files: map[string]string{"m.mjs": `export const handler = async () => import.meta.url.endsWith('m.mjs')`}, steps: once(`true`),
		},
		"ES module by package": {
			reason: "package.json of any parent folder decides what a .js file is", handler: "src/m.handler",
			files: map[string]string{
				"package.json": `{"type":"module"}`, "src/m.js": `import os from 'node:os'; export const handler = async () => typeof os.EOL`,
			},
			steps: once(`"string"`),
		},
		"CommonJS in a module package": {
			reason: "cjs files stay CommonJS", handler: "c.handler",
			files: map[string]string{"package.json": `{"type":"module"}`, "c.cjs": `exports.handler = async () => typeof require`},
			steps: once(`"function"`),
		},
		"default export": {
			reason: "transpilers put the exports under default", handler: "m.handler",
			files: map[string]string{"m.mjs": `export default { handler: async () => 'd' }`}, steps: once(`"d"`),
		},
		"top-level await": {
			reason: "init may wait", handler: "m.handler",
			files: map[string]string{"m.mjs": `const v = await new Promise((r) => setTimeout(r, 1, 'late')); export const handler = async () => v`},
			steps: once(`"late"`),
		},
		"folder with an index": {
			reason: "require's rules hold for handlers", handler: "app.handler",
			files: map[string]string{"app/index.js": `exports.handler = async () => 'index'`}, steps: once(`"index"`),
		},
		"require from a layer": {
			reason: "layers lie in /opt/nodejs", handler: "a.handler",
			files: map[string]string{
				"opt/nodejs/node_modules/dep/index.js": `module.exports = 'layer'`,
				"a.js":                                 `exports.handler = async () => require('dep')`,
			},
			steps: once(`"layer"`),
		},
		"import from a layer": {
			reason: "on Lambda ES modules find layers too", handler: "m.handler",
			files: map[string]string{
				"opt/nodejs/node_modules/dep/index.js": `module.exports = 'layer'`,
				"m.mjs":                                `import dep from 'dep'; export const handler = async () => dep`,
			},
			steps: once(`"layer"`),
		},
	})
}

func TestNodeCallingStyles(t *testing.T) {
	handler := func(body string) map[string]string { return map[string]string{"a.js": "exports.handler = " + body} }
	runScripts(t, "nodejs20.x", map[string]script{
		"callback": {
			reason: "the first style", handler: "a.handler",
			files: handler(`(e, c, cb) => { setTimeout(cb, 1, null, e.n) }`), steps: once(`1`),
		},
		"callback with an error": {
			reason: "an error fails the invocation, not the process", handler: "a.handler",
			files: handler(`(e, c, cb) => cb(new TypeError('bad'))`), steps: failing("TypeError"),
		},
		"callback waits for the event loop": {
			reason: "work that was started is done before the next event", handler: "a.handler",
			files: map[string]string{"a.js": `let done = false;
				exports.handler = (e, c, cb) => { cb(null, done); setTimeout(() => { done = true }, 20) }`},
			steps: []step{{event: `1`, result: `false`}, {event: `2`, result: `true`}},
		},
		"callback does not wait": {
			reason: "open connections keep the loop alive for ever", handler: "a.handler",
			files: handler(`(e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1e6); cb(null, 'now') }`),
			steps: once(`"now"`),
		},
		"only the first callback counts": {
			reason: "an invocation ends once", handler: "a.handler",
			files: handler(`(e, c, cb) => { cb(null, 1); cb(null, 2); cb(new Error('late')) }`), steps: once(`1`),
		},
		"context.succeed": {
			reason: "the style of Node 0.10", handler: "a.handler",
			files: handler(`(e, c) => { setInterval(() => {}, 1e6); c.succeed('s') }`), steps: once(`"s"`),
		},
		"context.done": {
			reason: "as context.succeed", handler: "a.handler", files: handler(`(e, c) => c.done(null, 'd')`), steps: once(`"d"`),
		},
		"context.fail": {
			reason: "strings are errors too", handler: "a.handler", files: handler(`(e, c) => c.fail('no')`), steps: failing("string"),
		},
		"async handler that calls back": {
			reason: "the callback's value is meant", handler: "a.handler",
			files: handler(`async (e, c, cb) => { cb(null, 'cb') }`), steps: once(`"cb"`),
		},
		"plain value": {
			reason: "a handler that returns and calls nothing ends with the loop", handler: "a.handler",
			files: handler(`() => 'plain'`), steps: once(`"plain"`),
		},
		"nothing at all": {
			reason: "null, as on Lambda", handler: "a.handler", files: handler(`() => {}`), steps: once(`null`),
		},
		"thrown before a promise": {
			reason: "no handler is too early", handler: "a.handler", files: handler(`() => { throw new SyntaxError('x') }`),
			steps: failing("SyntaxError"),
		},
		"thenable": {
			reason: "promises of libraries count", handler: "a.handler",
			files: handler(`() => ({ then: (resolve) => resolve('t') })`), steps: once(`"t"`),
		},
		"thrown object": {
			reason: "anything can be thrown", handler: "a.handler", files: handler(`async () => { throw { code: 7 } }`), steps: failing("object"),
		},
		"promise that never settles": {
			reason: "the caller need not wait for the timeout", handler: "a.handler",
			files: handler(`() => new Promise(() => {})`), steps: failing("Runtime.NodeJsExit"),
		},
		"client context that is no JSON": {
			reason: "a bad header fails its invocation, not the process", handler: "a.handler", files: handler(`async () => 1`),
			steps: []step{
				{event: `{}`, header: map[string]string{"Lambda-Runtime-Client-Context": "{"}, fails: "Runtime.UnmarshalError"},
				{event: `{}`, result: `1`},
			},
		},
		"result that is no JSON": {
			reason: "the fault is the function's", handler: "a.handler", files: handler(`async () => 10n`), steps: failing("Runtime.MarshalError"),
		},
	})
}

func TestNodeProcess(t *testing.T) {
	runScripts(t, "nodejs20.x", map[string]script{
		"uncaught exception": {
			reason: "the invocation gets the error, the process is not to be trusted any more", handler: "a.handler", exit: 129,
			files: map[string]string{"a.js": `exports.handler = () => new Promise(() => { setTimeout(() => { throw new RangeError('lost') }, 1) })`},
			steps: []step{{event: `{}`, fails: "RangeError"}}, log: "Uncaught Exception",
		},
		"unhandled rejection": {
			reason: "as uncaught exceptions", handler: "a.handler", exit: 128,
			files: map[string]string{"a.js": `exports.handler = () => new Promise((r) => { Promise.reject(new Error('lost')); setTimeout(r, 1000) })`},
			steps: []step{{event: `{}`, fails: "Runtime.UnhandledPromiseRejection"}},
		},
		"logged error": {
			reason: "an error is one record, with fields", handler: "a.handler", env: []string{"AWS_LAMBDA_LOG_FORMAT=JSON"},
			files: map[string]string{"a.js": `exports.handler = async () => { console.error('seen', new TypeError('bad')); return 1 }`},
			steps: once(`1`), log: `"errorType":"TypeError","errorMessage":"bad"`,
		},
		"logged object": {
			reason: "objects stay objects in JSON logs", handler: "a.handler", env: []string{"AWS_LAMBDA_LOG_FORMAT=JSON"},
			files: map[string]string{"a.js": `exports.handler = async () => { console.log({ k: [1], big: 2n }); return 1 }`},
			steps: once(`1`), log: `"message":{"k":[1],"big":"2"}`,
		},
		"logged cycle": {
			reason: "a record that is no JSON is still written", handler: "a.handler", env: []string{"AWS_LAMBDA_LOG_FORMAT=JSON"},
			files: map[string]string{"a.js": `exports.handler = async () => { const o = {}; o.o = o; console.log(o); return 1 }`},
			steps: once(`1`), log: "[Circular *1]",
		},
		"plain value beside other invocations": {
			reason: "the loop is never empty then", handler: "a.handler", env: []string{"AWS_LAMBDA_MAX_CONCURRENCY=2"},
			files: map[string]string{"a.js": `exports.handler = () => 'plain'`}, steps: once(`"plain"`),
		},
		"callback beside other invocations": {
			reason: "as plain values", handler: "a.handler", env: []string{"AWS_LAMBDA_MAX_CONCURRENCY=2"},
			files: map[string]string{"a.js": `exports.handler = (e, c, cb) => { cb(null, 'cb') }`}, steps: once(`"cb"`),
		},
		"trace id beside other invocations": {
			reason: "one process environment cannot hold two", handler: "a.handler", env: []string{"AWS_LAMBDA_MAX_CONCURRENCY=2"},
			files: map[string]string{"a.js": `exports.handler = async () => process.env._X_AMZN_TRACE_ID ?? null`}, steps: once(`null`),
		},
	})
}

func TestNodeStreams(t *testing.T) {
	stream := func(body string) map[string]string {
		return map[string]string{"a.js": `const { Readable, pipeline: p } = require('node:stream'); const pipeline = require('node:stream/promises').pipeline;
			exports.handler = awslambda.streamifyResponse(async (e, s, c) => { ` + body + ` })`}
	}
	runScripts(t, "nodejs20.x", map[string]script{
		"pipeline": {
			reason: "the documented way", handler: "a.handler",
			files: stream(`await pipeline(Readable.from(['a', 'b']), s)`), steps: []step{{event: `1`, raw: "ab"}, {event: `2`, raw: "ab"}},
		},
		"pipe that goes on after return": {
			reason: "returning does not end the stream", handler: "a.handler",
			files: stream(`Readable.from((async function* () { for (const w of ['a', 'b']) { await new Promise((r) => setTimeout(r, 5)); yield w } })()).pipe(s)`),
			steps: []step{{event: `1`, raw: "ab"}},
		},
		"stream that nobody ends": {
			reason: "when nothing is left to run, the response is complete", handler: "a.handler",
			files: stream(`s.write('half')`), steps: []step{{event: `1`, raw: "half"}, {event: `2`, raw: "half"}},
		},
		"object": {
			reason: "objects are written as JSON", handler: "a.handler", files: stream(`s.write({ a: 1 }); s.end()`), steps: []step{{event: `1`, raw: `{"a":1}`}},
		},
		"prelude without a body": {
			reason: "redirects have no body", handler: "a.handler",
			files: stream(`awslambda.HttpResponseStream.from(s, { statusCode: 302 }).end()`),
			steps: []step{{event: `1`, raw: "{\"statusCode\":302}\x00\x00\x00\x00\x00\x00\x00\x00"}},
		},
		"source that breaks before the first byte": {
			reason: "a broken pipeline destroys the stream; the error is an ordinary one", handler: "a.handler",
			files: stream(`await pipeline(Readable.from((function* () { throw new RangeError('early') })()), s)`), steps: failing("RangeError"),
		},
		"source that breaks midway": {
			reason: "what was sent stays sent, and the process lives on", handler: "a.handler",
			files: stream(`await pipeline(Readable.from((async function* () { yield 'a'; await new Promise((r) => setTimeout(r, 20)); throw new RangeError('mid') })()), s)`),
			steps: []step{{event: `1`, raw: "a"}, {event: `2`, raw: "a"}}, log: "RangeError",
		},
		"large chunks": {
			reason: "back-pressure reaches the handler", handler: "a.handler",
			files: stream(`const mb = Buffer.alloc(1 << 20); let n = 0; for (let i = 0; i < 5; i++) { if (!s.write(mb)) { n++; await new Promise((r) => s.once('drain', r)) } } console.log('waited', n > 0); s.end()`),
			steps: []step{{event: `1`, raw: string(make([]byte, 5<<20))}}, log: "waited true",
		},
	})
}

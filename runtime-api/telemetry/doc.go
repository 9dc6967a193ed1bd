// Package telemetry carries what one execution environment tells: platform events (init, start, report…), the lines
// that function and extensions print, and who gets them. It has three parts.
//
// A [Logger] frames the environment's log stream: START, the function's own lines, END and REPORT in this order, as
// text or JSON, with the tail of one invocation if its caller asked for it.
//
// A [Bus] hands the same events to extensions that subscribed through the Telemetry API 2022-07-01 or the Logs API
// 2020-08-15: buffered, in batches, over HTTP or TCP on the loopback interface, with bounded memory. What an extension
// does not take in time is dropped and counted in platform.logsDropped.
//
// A [FrameReader] reads the framed log stream that some runtime clients write to _LAMBDA_TELEMETRY_LOG_FD.
//
// The usual composition is one Bus and one Logger per environment; the Logger feeds the Bus. Everything is in memory
// and cheap when nobody listens: an invocation logged as text without subscribers allocates nothing here.
package telemetry

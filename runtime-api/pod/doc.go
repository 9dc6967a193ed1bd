// Package pod runs one version of one function: it puts the queue, the execution environments with their processes,
// extensions and logs, and the Runtime API together. The runtime-api command is a pod with a front door; the local
// engine holds one pod per version that is in use.
//
// A [Pod] has between Min and Max environments. Each [environment] is a goroutine that lives through incarnations of
// its processes: start extensions, start the runtime, wait for its init, let it serve, and, whenever something fails,
// kill exactly these processes and start again. Environments never touch one another.
//
// Init follows AWS: the first init of an environment that fails is not reported to anybody; it is run again within the
// next invocation, whose time then counts and whose caller gets the error
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
package pod

package gorpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/lambkin-dev/lambkin/bootstrap/client"
)

const (
	// firstWait and maxWait pace the dialling of a process that does not listen yet.
	firstWait = 2 * time.Millisecond
	maxWait   = 100 * time.Millisecond
	// exitWait is how long a process whose connection broke may take to be gone; its exit status is the better reason.
	exitWait = time.Second
	// pipeGrace is how long the children of an ended process may hold its output.
	pipeGrace = 100 * time.Millisecond
)

// process is a running handler and the connection to it.
type process struct {
	cmd    *exec.Cmd
	client *rpc.Client
	exited chan struct{} // closed when the process is gone; then status holds how it ended
	status error
}

// start starts the handler and waits until it answers, however long ctx allows: the limit of init is the platform's.
func (p Program) start(ctx context.Context) (*process, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(p.Argv[0], p.Argv[1:]...) //nolint:noctx // its end is ours to bring about; see stop
	cmd.Env = append(slices.Clip(p.Environ), "_LAMBDA_SERVER_PORT="+strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.Stdout, p.Stderr, pipeGrace
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the handler: %w", err)
	}
	h := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		h.status = cmd.Wait()
		close(h.exited)
	}()
	if err := h.connect(ctx, port); err != nil {
		h.stop()
		return nil, err
	}
	return h, nil
}

// connect dials until the handler listens, then asks whether it is ready.
func (h *process) connect(ctx context.Context, port int) error {
	// The handler listens on the name localhost, whatever that is here.
	address := net.JoinHostPort("localhost", strconv.Itoa(port))
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			h.client = rpc.NewClient(conn)
			return h.call(ctx, "Function.Ping", &messages.PingRequest{}, &messages.PingResponse{})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.exited:
			return h.failure("", err)
		case <-time.After(wait):
		}
	}
}

// call calls a method and waits for its answer, the end of the process or of ctx.
func (h *process) call(ctx context.Context, method string, request, response any) error {
	call := h.client.Go(method, request, response, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-h.exited:
		return errors.New("the handler's process ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failure says how the process failed an invocation: by how it ended if it did, else by what went wrong in the call.
func (h *process) failure(requestID string, err error) *client.Failure {
	if isServerFault(err) {
		return client.Failuref("Runtime.Unknown", "%v", err)
	}
	prefix := ""
	if requestID != "" {
		prefix = "RequestId: " + requestID + " Error: "
	}
	select {
	case <-h.exited:
	case <-time.After(exitWait):
		return client.Failuref("Runtime.Unknown", "%s%v", prefix, err)
	}
	if h.status == nil {
		return client.Failuref("Runtime.ExitError", "%sRuntime exited without providing a reason", prefix)
	}
	return client.Failuref("Runtime.ExitError", "%sRuntime exited with error: %v", prefix, h.status)
}

// stop kills the process and waits until it is gone.
func (h *process) stop() {
	if h.client != nil {
		_ = h.client.Close() // closing twice is the only way to fail
	}
	_ = h.cmd.Process.Kill() // it may be gone already
	<-h.exited
}

// freePort finds a port that nobody listens on. The handler has to be told it before it can listen itself.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "localhost:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port for the handler: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

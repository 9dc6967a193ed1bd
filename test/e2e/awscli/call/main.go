// Command call SOCKET WORD… runs a command line of the AWS CLI in a copy of what serve.py has loaded, with the directory, the
// environment and the files of this process, and ends as it ends. It is what a script starts as aws, so it is to start fast.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

func main() {
	code, err := call(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "aws:", err)
		code = 255
	}
	os.Exit(code)
}

func call(socket string, words []string) (code int, err error) {
	folder, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	request, err := json.Marshal([]any{words, folder, os.Environ()})
	if err != nil {
		return 0, fmt.Errorf("write the request: %w", err)
	}
	server, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return 0, err
	}
	defer func() { _ = server.Close() }() // all is said then
	if _, _, err := server.WriteMsgUnix(fmt.Appendf(nil, "%08x", len(request)), syscall.UnixRights(0, 1, 2), nil); err != nil {
		return 0, err
	}
	if _, err := server.Write(request); err != nil {
		return 0, err
	}
	answer := make([]byte, len("255"))
	n, err := server.Read(answer)
	if err != nil {
		return 0, fmt.Errorf("it ended without an exit code: %w", err)
	}
	code, err = strconv.Atoi(string(answer[:n]))
	if err != nil {
		return 0, fmt.Errorf("the exit code: %w", err)
	}
	return code, nil
}

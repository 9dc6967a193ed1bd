package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// presignMain is the command
//
//	presign SECONDS METHOD URL
//
// It prints the URL with a signature that is good for so long. Of a negative number it was good for a second, so long ago.
func presignMain() {
	if err := presign(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "presign:", err)
		os.Exit(1)
	}
}

func presign(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: presign SECONDS METHOD URL")
	}
	seconds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	at := time.Now()
	if seconds < 0 {
		at, seconds = at.Add(time.Duration(seconds)*time.Second), 1
	}
	r, err := http.NewRequest(args[1], args[2]+"?X-Amz-Expires="+strconv.Itoa(seconds), nil)
	if err != nil {
		return err
	}
	key := aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	empty := sha256.Sum256(nil)
	address, _, err := v4.NewSigner().PresignHTTP(context.Background(), key, r, hex.EncodeToString(empty[:]), "lambda", os.Getenv("AWS_REGION"), at)
	fmt.Println(address)
	return err
}

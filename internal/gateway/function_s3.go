package gateway

import (
	"context"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/lambkin-dev/lambkin/internal/bucket"
	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// fetchTime is how long it may take to fetch code out of a bucket.
const fetchTime = 5 * time.Minute

// s3Input are the members for code in a bucket.
type s3Input struct {
	S3Bucket            string
	S3Key               string
	S3ObjectVersion     string
	S3ObjectStorageMode string
}

var bucketForm = regexp.MustCompile(`^[0-9A-Za-z.\-_]*[0-9A-Za-z\-_]$`)

// given reports whether the request names an object.
func (in *s3Input) given() bool {
	return in.S3Bucket+in.S3Key+in.S3ObjectVersion+in.S3ObjectStorageMode != ""
}

// check refuses what names no object, or asks for more than a copy of it. The prefix is where the members are.
func (in *s3Input) check(prefix string) error {
	if !in.given() {
		return nil
	}
	var f faults
	f.longest(&in.S3Bucket, prefix+"s3Bucket", 63)
	f.longest(&in.S3Key, prefix+"s3Key", 1024)
	f.longest(&in.S3ObjectVersion, prefix+"s3ObjectVersion", 1024)
	f.oneOf(in.S3ObjectStorageMode, prefix+"s3ObjectStorageMode", "COPY", "REFERENCE")
	if in.S3Bucket != "" {
		f.pattern(&in.S3Bucket, prefix+"s3Bucket", bucketForm, `[0-9A-Za-z\.\-_]*(?<!\.)`)
		if len(in.S3Bucket) < 3 {
			f.add(in.S3Bucket, prefix+"s3Bucket", "Member must have length greater than or equal to 3")
		}
	}
	if err := f.err(); err != nil {
		return err
	}
	if in.S3ObjectStorageMode == "REFERENCE" {
		return invalid("S3ObjectStorageMode REFERENCE is not supported here: code is always copied. Leave it out or set it to COPY.")
	}
	if in.S3Bucket == "" || in.S3Key == "" {
		return invalid("Please provide both S3Bucket and S3Key, or neither.")
	}
	return nil
}

// fetchCode gets the object that a request names in place of an upload; it does nothing if it names none.
func (g *gateway) fetchCode(ctx context.Context, in *s3Input, into *archive) error {
	if !in.given() {
		return nil
	}
	if g.Buckets == nil {
		return invalid("S3Bucket is not supported here: the operator has named no store of objects (AWS_ENDPOINT_URL_S3). Give the archive itself as ZipFile.")
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := g.Buckets.Open(ctx, bucket.Object{Bucket: in.S3Bucket, Key: in.S3Key, Version: in.S3ObjectVersion})
	if err != nil {
		return bucketError(err)
	}
	defer func() { _ = r.Close() }()
	into.present, into.fetched = true, true
	if _, err := io.Copy(into, r); err != nil {
		return bucketError(err)
	}
	return nil
}

// bucketError is what AWS says of code that it cannot get out of a bucket.
func bucketError(err error) error {
	if known := new(lambda.Error); errors.As(err, &known) {
		return err
	}
	refused := new(bucket.Error)
	if !errors.As(err, &refused) {
		return &lambda.Error{Code: lambda.CodeServiceUnavailable, Message: "The store of objects that holds the code does not answer. Try again.", Err: err, RetryAfter: time.Second}
	}
	return invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", refused.Code, bucketSentence(refused))
}

// bucketSentence is a store's sentence; for what happens most, that of AWS, which other stores word otherwise.
func bucketSentence(e *bucket.Error) string {
	switch e.Code {
	case "NoSuchBucket":
		return "The specified bucket does not exist"
	case "NoSuchKey":
		return "The specified key does not exist."
	default:
		return e.Message
	}
}

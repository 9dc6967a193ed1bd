package archive

import (
	"errors"
	"fmt"

	"github.com/lambkin-dev/lambkin/internal/lambda"
)

// Limits bound what an archive may unpack to.
type Limits struct {
	// Size is the most bytes of all files together.
	Size int64
	// Entries is the most files, folders and links, duplicates counted.
	Entries int
}

// Lambda are the limits of the Lambda service. AWS names no bound for entries; ours is well above the largest
// node_modules folder that fits into the size.
func Lambda() Limits { return Limits{Size: lambda.MaxUnzipped, Entries: 1 << 17} }

const (
	maxName     = 2048 // bytes of one entry's whole name: leaves room for the folder it goes to below PATH_MAX
	maxSegment  = 255  // bytes between two slashes: NAME_MAX
	maxTarget   = 4095 // bytes of a link's target: PATH_MAX without its end
	maxRatio    = 1032 // what deflate can reach at most: 258 bytes for 2 bits
	ratioMargin = 1024 // bytes by which a short entry may exceed the ratio
)

// unreadable is Lambda's answer to an archive that cannot be extracted. The cause is for the log.
func unreadable(cause error) error {
	return &lambda.Error{
		Code:    lambda.CodeInvalidParameterValue,
		Message: "Could not unzip uploaded file. Please check your file, then try to upload again.",
		Err:     cause,
	}
}

func badEntry(name, why string) error { return unreadable(fmt.Errorf("entry %.200q: %s", name, why)) }

// empty is Lambda's answer to an archive without entries.
func empty() error {
	return &lambda.Error{
		Code:    lambda.CodeInvalidParameterValue,
		Message: "Uploaded file must be a non-empty zip",
		Err:     errors.New("archive holds no entries"),
	}
}

// tooLarge is Lambda's answer to an archive that unpacks to too much.
func tooLarge(limit int64) error {
	return lambda.Errorf(lambda.CodeInvalidParameterValue, "Unzipped size must be smaller than %d bytes", limit)
}

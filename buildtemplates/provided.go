package buildtemplates

import "github.com/lambkin-dev/lambkin/bootstrap"

// AWS's public images for functions that bring their own client, by the Amazon Linux that their binaries are made for.
const (
	amazonLinux2    = "public.ecr.aws/lambda/provided:al2"
	amazonLinux2023 = "public.ecr.aws/lambda/provided:al2023"
)

const goImage = "docker.io/library/golang:1.26"

// goScript compiles the function as `lambkin deploy` does on a laptop, so that both give the same bytes. A folder without
// a Go program is a bootstrap of another kind, such as a shell script, and taken as it is.
const goScript = `if ! ls *.go >/dev/null 2>&1; then
  if [ -f bootstrap ]; then
    echo "no Go program here: bootstrap is taken as it is"
    cp -R . "$OUTPUT/"
    chmod 755 "$OUTPUT/bootstrap"
    exit 0
  fi
  fail "there is neither a Go program nor a file named bootstrap in this folder: set the source's path; for Rust choose the runtime rust"
fi
export CGO_ENABLED=0 GOOS=linux GOARCH="$TARGET_ARCH"
if [ "$(go env GOMOD)" = /dev/null ]; then
  fail "there is no go.mod: run 'go mod init' and 'go mod tidy', and commit go.mod and go.sum"
fi
go version
NAME=bootstrap TAGS=lambda.norpc
if [ "$RUNTIME" = go1.x ]; then
  NAME="$HANDLER" TAGS=
fi
echo "go build for linux/$GOARCH"
go build -trimpath -buildvcs=false -tags "$TAGS" -ldflags '-s -w -buildid=' -o "$OUTPUT/$NAME" .
if [ ! -x "$OUTPUT/$NAME" ]; then
  fail "this is a library: a function is a program, in package main"
fi
ls -l "$OUTPUT/$NAME"
`

// provided are functions with a client of their own, in practice Go programs.
func provided() family {
	return family{
		name: string(bootstrap.Provided), newest: "provided.al2023",
		recipe: recipe{
			script: goScript, elsewhere: true, cross: true,
			caches: map[string]string{"GOMODCACHE": "go/mod", "GOCACHE": "go/build"},
		},
		images: func(r bootstrap.Runtime) images {
			if r.ID == "provided" || r.ID == "provided.al2" {
				return images{base: amazonLinux2, build: goImage}
			}
			return images{base: amazonLinux2023, build: goImage}
		},
	}
}

// golang is provided by another name.
func golang() family {
	f := provided()
	f.name = Go
	return f
}

// goRPC are Go programs of the go1.x era, which are named by their handler and called by net/rpc.
func goRPC() family {
	f := provided()
	f.name, f.newest = string(bootstrap.GoRPC), "go1.x"
	return f
}

// executable are programs that are started once per event; there is nothing to build.
func executable() family {
	return family{
		name: string(bootstrap.Exec), newest: string(bootstrap.Exec),
		images: func(bootstrap.Runtime) images { return images{base: amazonLinux2023} },
	}
}

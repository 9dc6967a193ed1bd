package buildtemplates

import (
	"strings"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

// dotnetScript publishes the one project of the folder.
const dotnetScript = `export DOTNET_CLI_HOME="$HOME" DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
set -- *.csproj *.fsproj *.vbproj
projects=
for file in "$@"; do
  if [ -f "$file" ]; then
    projects="$projects $file"
  fi
done
set -- $projects
if [ $# != 1 ]; then
  fail "there are $# project files in this folder, not one: set the source's path"
fi
locked=
if [ -f packages.lock.json ]; then
  locked=-p:RestoreLockedMode=true
else
  echo "WARNING: there is no packages.lock.json, so the same source may give other versions the next time: set RestorePackagesWithLockFile and commit it" >&2
fi
rid=linux-x64
if [ "$TARGET_ARCH" = arm64 ]; then
  rid=linux-arm64
fi
echo "dotnet publish $1 for $rid"
dotnet publish "$1" --configuration Release --runtime "$rid" --self-contained false --output "$OUTPUT" \
  $locked -p:Deterministic=true -p:ContinuousIntegrationBuild=true -p:GenerateRuntimeConfigurationFiles=true
`

// dotnet are functions for .NET. The client is AWS's, in AWS's base images, of which the oldest that is left is for 6.
func dotnet() family {
	return family{
		name: string(bootstrap.DotNet), newest: "dotnet10",
		recipe: recipe{script: dotnetScript, elsewhere: true, cross: true, caches: map[string]string{"NUGET_PACKAGES": "nuget"}},
		images: func(r bootstrap.Runtime) images {
			if strings.Contains(r.Version, ".") {
				return images{} // .NET Core
			}
			return images{base: "public.ecr.aws/lambda/dotnet:" + r.Version, build: "mcr.microsoft.com/dotnet/sdk:" + r.Version + ".0"}
		},
	}
}

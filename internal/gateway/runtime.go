package gateway

// currentRuntimes is the enumeration that AWS shows for an unknown runtime, in its order.
const currentRuntimes = "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, " +
	"python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, " +
	"java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"

// checkRuntime refuses what the API's model does not know. Runtimes that AWS has retired are taken: existing functions
// shall go on here; whether the engine has them is told by the function's state.
func checkRuntime(id string) error {
	if id == "" || knownRuntime(id) {
		return nil
	}
	return invalid("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: %s or be a valid ARN", id, currentRuntimes)
}

package gateway

import "github.com/lambkin-dev/lambkin/api/v1alpha1"

// tenancyConfig is TenancyConfig of the API's model.
type tenancyConfig struct {
	TenantIsolationMode *string
}

func (t *tenancyConfig) check(f *faults) {
	if t == nil {
		return
	}
	if t.TenantIsolationMode == nil {
		f.missing("tenancyConfig.tenantIsolationMode")
		return
	}
	f.oneOf(*t.TenantIsolationMode, "tenancyConfig.tenantIsolationMode", string(v1alpha1.TenantIsolationPerTenant))
}

// tenancy is the object's form; nil if the caller does not ask for isolation.
func (t *tenancyConfig) tenancy() *v1alpha1.Tenancy {
	if t == nil || deref(t.TenantIsolationMode) == "" {
		return nil
	}
	return &v1alpha1.Tenancy{IsolationMode: v1alpha1.TenantIsolation(*t.TenantIsolationMode)}
}

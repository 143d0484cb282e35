# Copy to terraform/live/backend.hcl: terraform init -backend-config=backend.hcl
resource_group_name  = "rg-contosofraud-state"
storage_account_name = "stcontosofraudstate"
container_name       = "tfstate"
key                  = "fraud-platform.tfstate"
use_azuread_auth     = true

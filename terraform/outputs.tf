# What the chart and GitHub's workflows need, and no more; deploy/values-from-terraform and deploy/github/setup
# read it. No secret is here.

output "tenant_id" {
  description = "The Entra tenant."
  value       = data.azurerm_client_config.current.tenant_id
}

output "client_ids" {
  description = "Client id of each workload's identity."
  value       = { for name in local.workloads : name => azurerm_user_assigned_identity.main[name].client_id }
}

output "registry_host" {
  description = "Host of the container registry."
  value       = azurerm_container_registry.main.login_server
}

output "key_vault_name" {
  description = "Name of the vault that the Secrets Store CSI driver reads."
  value       = azurerm_key_vault.main.name
}

output "signing_key" {
  description = "FRAUD_SIGNING_KEY of the promotion job: the key and its version."
  value       = "azurekms://${azurerm_key_vault.main.name}.vault.azure.net/keys/fraud-signing/${azurerm_key_vault_key.main["signing"].version}"
}

output "training_key" {
  description = "FRAUD_TRAINING_KEY of the training job: the key and its version."
  value       = "azurekms://${azurerm_key_vault.main.name}.vault.azure.net/keys/fraud-training/${azurerm_key_vault_key.main["training"].version}"
}

output "containers" {
  description = "Address of each container."
  value       = { for name in keys(local.containers) : name => "wasbs://${name}@${azurerm_storage_account.main.name}.blob.core.windows.net" }
}

output "database_uri" {
  description = "MLFLOW_BACKEND_STORE_URI of the tracking server, which signs in with its identity (deploy/tracking/entra_login.py)."
  value       = "postgresql+psycopg2://${azurerm_user_assigned_identity.main["tracking"].name}@${azurerm_postgresql_flexible_server.main.fqdn}:5432/${azurerm_postgresql_flexible_server_database.mlflow.name}?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt&plugin=entra"
}

output "feature_store_url" {
  description = "FRAUD_FEATURE_STORE."
  value       = "rediss://${azurerm_managed_redis.main.hostname}:10000?login=entra"
}

output "promoter_in_cluster" {
  description = "Whether the chart's promotion job has the promoter's identity."
  value       = var.promoter_in_cluster
}

output "endpoint_cidrs" {
  description = "Addresses of the private endpoints, for the chart's NetworkPolicies."
  value       = azurerm_subnet.main["endpoints"].address_prefixes
}

# --- for GitHub's workflows alone ---

output "subscription_id" {
  description = "The subscription."
  value       = var.subscription_id
}

output "resource_group_name" {
  description = "The resource group."
  value       = azurerm_resource_group.main.name
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.main.name
}

output "github_client_ids" {
  description = "Client id of each identity that workflows sign in as."
  value = {
    for name in concat(["github"], keys(local.github_environments)) :
    name == "github" ? "deployer" : name => azurerm_user_assigned_identity.main[name].client_id
  }
}

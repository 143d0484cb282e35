# A large team: private, and any one zone may fail. See docs/operations/azure-costs.md.

subscription_id   = "00000000-0000-0000-0000-000000000000"
name              = "contosofraud"
location          = "westeurope"
github_repository = "contoso/fraud-registry"
alert_emails      = ["fraud-platform@contoso.example", "security@contoso.example"]
monthly_budget    = 6000

admin_groups = {
  "fraud-admins" = "00000000-0000-0000-0000-000000000000"
}

# Only GitHub's environment `production` signs.
promoter_in_cluster = false

system_pool = {
  vm_size   = "Standard_D4ds_v5"
  min_count = 3
  max_count = 6
}

user_pool = {
  vm_size   = "Standard_D8ds_v5"
  min_count = 3
  max_count = 12
}

postgresql = {
  sku_name              = "GP_Standard_D4ds_v5"
  storage_mb            = 262144
  backup_retention_days = 35
  zone_redundant        = true
  geo_redundant_backup  = true
}

redis = {
  sku_name          = "Balanced_B10"
  high_availability = true
}

storage_replication = "GZRS"
log_retention_days  = 365
log_daily_quota_gb  = 20

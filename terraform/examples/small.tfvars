# A small team: one zone may fail and take it down for a while. See docs/operations/azure-costs.md.

subscription_id   = "00000000-0000-0000-0000-000000000000"
name              = "contosofraud"
location          = "westeurope"
github_repository = "contoso/fraud-registry"
alert_emails      = ["fraud-platform@contoso.example"]
monthly_budget    = 1200

admin_groups = {
  "fraud-admins" = "00000000-0000-0000-0000-000000000000"
}

private_cluster_enabled        = false
operator_ip_ranges             = ["203.0.113.7/32"]
registry_public_access_enabled = true
grafana_public_access_enabled  = true

cluster_sku_tier = "Free"

system_pool = {
  vm_size   = "Standard_D2ds_v5"
  min_count = 1
  max_count = 2
}

user_pool = {
  vm_size   = "Standard_D4ds_v5"
  min_count = 1
  max_count = 3
}

postgresql = {
  sku_name              = "B_Standard_B2s"
  storage_mb            = 32768
  backup_retention_days = 14
  zone_redundant        = false
  geo_redundant_backup  = false
}

redis = {
  sku_name          = "Balanced_B1"
  high_availability = false
}

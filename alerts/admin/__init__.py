"""Alerts and deliveries in the admin: what happened, which mail waits or is dead and why, and dead letters in hand."""

from django.contrib import admin

from ..models import Alert, Delivery
from .alerts import AlertAdmin
from .deliveries import DeliveryAdmin

admin.site.register(Alert, AlertAdmin)
admin.site.register(Delivery, DeliveryAdmin)

"""Every table of the product, in one place: importing this fills the metadata for migrations and tests."""

import app.audit.models
import app.custody.models
import app.db.models
import app.db.outbox
import app.formulary.models
import app.identity.models
import app.interop.models
import app.inventory.models
import app.labels.models
import app.orders.models
import app.stations.models
import app.work.models
import compounding.models
import unitdose.cart_models
import unitdose.models
import unitdose.ward_models
from app.db.base import Base

# Named, so that a reader sees that the imports are the point.
ROOMS = (app.work.models, compounding.models, unitdose.models)
metadata = Base.metadata

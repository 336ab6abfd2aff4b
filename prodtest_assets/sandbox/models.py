"""The booking application's tables, as its migrations create them."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_MOMENT = DateTime(timezone=True)


class Base(DeclarativeBase):
    """What every table of the application has in common; its metadata is what the migrations must produce."""

    metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s"})


class User(Base):
    """Someone who has booked.

    Attributes:
        mobile: the caller's number in E.164, by which a returning caller is recognised.
    """

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("mobile", name="uq_users_mobile"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    full_name: Mapped[str] = mapped_column(String(120))
    mobile: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(_MOMENT, server_default=func.now())


class Appointment(Base):
    """One booked appointment.

    Attributes:
        duration_min: minutes.
        google_event_id: the event in the calendar that mirrors this row.
        is_test_data: booked by a test caller; such a row is nobody's appointment and may be removed.
    """

    __tablename__ = "appointments"
    __table_args__ = (
        UniqueConstraint("user_id", "starts_at", name="uq_appointments_user_id_starts_at"),
        Index("ix_appointments_is_test_data", "is_test_data"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime] = mapped_column(_MOMENT)
    duration_min: Mapped[int] = mapped_column(Integer, server_default=text("30"))
    status: Mapped[str] = mapped_column(String(32), server_default=text("'booked'"))
    notes: Mapped[str | None] = mapped_column(Text)
    cancelled_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    modified_at: Mapped[datetime | None] = mapped_column(_MOMENT)
    modification_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    google_event_id: Mapped[str | None] = mapped_column(String(255))
    is_test_data: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime] = mapped_column(_MOMENT, server_default=func.now())


metadata = Base.metadata
